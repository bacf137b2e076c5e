"""What can be said of an appointment: the kinds of deliveries, and of notices that lead to them."""

REMINDER = "appointment.reminder"
DELAY = "appointment.delay"
DIGEST = "appointment.digest"
CONFIRMED = "appointment.confirmed"
OFFER = "appointment.offered"
CHANGES = ("appointment.booked", "appointment.moved", "appointment.cancelled")

WISHES = "wishes"
"""A notice that somebody wants to be told in another way now."""
