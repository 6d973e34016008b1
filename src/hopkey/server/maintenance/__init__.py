"""What a server does by itself, now and then: one node at a time, whatever the number of nodes."""
