"""The kinds of authorization: each a pure function from a request and its settings to what is added to it."""
