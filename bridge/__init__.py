"""The application service: HTTP, Matrix, E2EE devices, database, settings and the command line."""
