"""Lists for programs and spreadsheets: what a token, an event, a user looks like outside."""
