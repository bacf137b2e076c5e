/** What a person does in a room. Nothing leaves in clear text except what Matrix has no encryption for. */

import { EventType, type MatrixClient, MsgType, RelationType, type TimelineEvents } from "matrix-js-sdk";

import { cryptoOf } from "./identity.ts";
import { loadedEvent } from "./timeline.ts";

/** Sends a text, as an answer to `replyTo` if given; returns the event id. */
export async function sendText(
    client: MatrixClient,
    roomId: string,
    body: string,
    replyTo: string | undefined,
): Promise<string> {
    await requireEncryption(client, roomId);
    const sent = await client.sendEvent(roomId, EventType.RoomMessage, {
        msgtype: MsgType.Text,
        body,
        ...(replyTo === undefined ? {} : { "m.relates_to": { "m.in_reply_to": { event_id: replyTo } } }),
    });
    return sent.event_id;
}

/** Sends an event of any type, encrypted; returns the event id. */
export async function sendEvent(
    client: MatrixClient,
    roomId: string,
    eventType: string,
    content: Record<string, unknown>,
): Promise<string> {
    await requireEncryption(client, roomId);
    return (await client.sendEvent(roomId, eventType as keyof TimelineEvents, content as never)).event_id;
}

/** Replaces the text of an own message; returns the id of the event that does. */
export async function edit(client: MatrixClient, roomId: string, eventId: string, body: string): Promise<string> {
    await requireEncryption(client, roomId);
    const sent = await client.sendEvent(roomId, EventType.RoomMessage, {
        msgtype: MsgType.Text,
        body: `* ${body}`,
        "m.new_content": { msgtype: MsgType.Text, body },
        "m.relates_to": { rel_type: RelationType.Replace, event_id: eventId },
    });
    return sent.event_id;
}

/** Removes an event; returns the id of the redaction. */
export async function redact(client: MatrixClient, roomId: string, eventId: string): Promise<string> {
    return (await client.redactEvent(roomId, eventId)).event_id;
}

/** Reacts with this key, in clear text as every client; returns the reaction's id. */
export async function react(client: MatrixClient, roomId: string, eventId: string, key: string): Promise<string> {
    const sent = await client.sendEvent(roomId, EventType.Reaction, {
        "m.relates_to": { rel_type: RelationType.Annotation, event_id: eventId, key },
    });
    return sent.event_id;
}

/** Shows everybody that this event and all before it were read. */
export async function readReceipt(client: MatrixClient, roomId: string, eventId: string): Promise<void> {
    await client.sendReadReceipt(loadedEvent(client, roomId, eventId));
}

async function requireEncryption(client: MatrixClient, roomId: string): Promise<void> {
    if (!(await cryptoOf(client).isEncryptionEnabledInRoom(roomId))) {
        throw new Error(`the room ${roomId} is not encrypted; this client sends nothing in clear text`);
    }
}
