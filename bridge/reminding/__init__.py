"""What people are told about their appointments: changes, reminders, delays, the professional's day."""
