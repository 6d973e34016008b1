"""``/v1/infra/*``: administration by programs, as the official server has it."""
