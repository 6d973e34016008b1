"""Pages of the administrators' console."""
