"""What has to be said of appointments, and whether it still holds."""
