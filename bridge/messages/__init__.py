"""Messages of managed users: taken in, encrypted, sent once; read, opened, presented."""
