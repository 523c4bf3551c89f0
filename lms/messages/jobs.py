"""The recurring task of messages: it sends them at their time."""

from lms.core.background.recurring import recurring
from lms.messages.actions import send_due_messages

recurring("messages", send_due_messages)
