"""The Hopkey server: accounts, workspaces, personal access tokens, and the gate that serves them."""
