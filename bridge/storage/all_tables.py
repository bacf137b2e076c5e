"""Every table of the project, so that the metadata is whole for migrations and tests."""

import appointments.storage.appointments
import appointments.storage.calendar_feeds
import appointments.storage.care
import appointments.storage.departures
import appointments.storage.representation
import appointments.storage.schedules
import appointments.storage.waiting
import bridge.storage.apikeys
import bridge.storage.attachments
import bridge.storage.catch_up
import bridge.storage.conversations
import bridge.storage.deliveries
import bridge.storage.delivery
import bridge.storage.direct_chats
import bridge.storage.e2ee
import bridge.storage.facts
import bridge.storage.idempotency
import bridge.storage.inbox
import bridge.storage.live_events
import bridge.storage.notification_preferences
import bridge.storage.people
import bridge.storage.push_subscriptions
import bridge.storage.reminding
import bridge.storage.sends
import bridge.storage.sessions
import bridge.storage.state

__all__ = ["appointments", "bridge"]
