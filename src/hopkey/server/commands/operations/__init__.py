"""What operators do at the command line, by subject. Each operation returns plain data to print."""
