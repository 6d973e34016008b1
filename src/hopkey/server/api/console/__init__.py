"""What administrators see and do, as JSON: below ``/v1/console/``, on the services of the pages."""
