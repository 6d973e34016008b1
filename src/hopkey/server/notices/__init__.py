"""Who is told what: owners about their tokens, administrators once a week, by mail and by webhook."""
