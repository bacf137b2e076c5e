"""Conversations and their messages."""

from bridge.http.conversations import list_conversations, open_conversation, refuse_open
from bridge.http.message_models import (
    ConversationPath,
    ConversationsAnswer,
    HistoryAnswer,
    HistoryQuery,
    SendMessage,
    SentMessageAnswer,
)
from bridge.http.messages import read_conversation, refuse_read, refuse_send, send_message
from bridge.http.problems import Problem
from bridge.http.read_marks import mark_read
from bridge.http.read_marks_models import MarkRead, MessagePath, ReadAnswer
from bridge.http.routing import ANY_SESSION, MANAGED_SESSION, Route
from bridge.http.session_models import OpenConversation, OpenedConversationAnswer

MESSAGES_ROUTES = (
    Route(
        method="POST",
        path="/api/messages/send",
        operation="send_message",
        handler=send_message,
        scope="messages",
        acts=True,
        sessions=MANAGED_SESSION,
        body_model=SendMessage,
        claims=True,
        refuse=refuse_send,
        answers={201: SentMessageAnswer},
        problems=(
            Problem.NOT_FOUND,
            Problem.NOT_IN_CARE_TEAM,
            Problem.MESSAGE_REFUSED,
            Problem.IDENTITY_CHANGED,
            Problem.MESSAGE_TOO_LARGE,
        ),
    ),
    Route(
        method="GET",
        path="/api/messages/conversation/{conversation_id}",
        operation="read_conversation",
        handler=read_conversation,
        scope="messages",
        acts=True,
        sessions=MANAGED_SESSION,
        path_model=ConversationPath,
        query_model=HistoryQuery,
        refuse=refuse_read,
        answers={200: HistoryAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/api/messages/{message_id}/read",
        operation="mark_read",
        handler=mark_read,
        scope="messages",
        acts=True,
        sessions=MANAGED_SESSION,
        path_model=MessagePath,
        body_model=MarkRead,
        body_is_optional=True,
        answers={200: ReadAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/api/conversations",
        operation="list_conversations",
        handler=list_conversations,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        answers={200: ConversationsAnswer},
    ),
    Route(
        method="POST",
        path="/api/conversations",
        operation="open_conversation",
        handler=open_conversation,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        body_model=OpenConversation,
        refuse=refuse_open,
        answers={200: OpenedConversationAnswer, 201: OpenedConversationAnswer},
        problems=(Problem.NOT_IN_CARE_TEAM,),
    ),
)
