/** What a person would see of a room: events, whether they could be read, and the shield beside them. */

import { Direction, EventTimeline, type MatrixClient, type MatrixEvent, type Room, TimelineWindow } from "matrix-js-sdk";
import { EventShieldColour, EventShieldReason } from "matrix-js-sdk/lib/crypto-api/index.js";

import { cryptoOf } from "./identity.ts";
import { roomOf } from "./rooms.ts";
import { until } from "./until.ts";

const PAGE = 100;

export interface TimelineItem {
    event_id: string | undefined;
    sender: string | undefined;
    type: string;
    origin_server_ts: number;
    encrypted: boolean;
    session_id: string | undefined;
    body: string | undefined;
    content: object;
    redacted: boolean;
    edited: boolean;
    relates_to: object | undefined;
    is_decryption_failure: boolean;
    failure_reason: string | undefined;
    shield_colour: string | undefined;
    shield_reason: string | undefined;
}

/** The room's last `limit` events that are no state, oldest first; with `toStart` all since the room's creation. */
export async function timeline(
    client: MatrixClient,
    roomId: string,
    limit: number,
    toStart: boolean,
): Promise<TimelineItem[]> {
    const window = await openWindow(client, roomOf(client, roomId), limit, toStart);
    const events = window.getEvents().filter((event) => !event.isState());
    return Promise.all((toStart ? events : events.slice(-limit)).map((event) => describe(client, event)));
}

/** The message with this event id or text, once it is there *and* decrypted. */
export async function waitForMessage(
    client: MatrixClient,
    wanted: { roomId: string; eventId: string | undefined; body: string | undefined; timeoutMs: number },
): Promise<TimelineItem> {
    const room = roomOf(client, wanted.roomId);
    const what = `readable message ${wanted.eventId ?? JSON.stringify(wanted.body)} in ${wanted.roomId}`;
    let searched: EventTimeline | undefined;
    const event = await until(wanted.timeoutMs, what, async () => {
        const found = loadedEvents(room).find((candidate) => isWanted(candidate, wanted));
        if (found !== undefined || searched === room.getLiveTimeline()) return found;
        // A live timeline that begins anew, after the join or a gap in the sync, may lie beyond the message.
        const live = room.getLiveTimeline();
        if (await isLoadedToStart(client, room)) searched = live;
        return undefined;
    });
    return describe(client, event);
}

/** The event with this id among those that are loaded. */
export function loadedEvent(client: MatrixClient, roomId: string, eventId: string): MatrixEvent {
    const event = roomOf(client, roomId).findEventById(eventId);
    if (event === undefined) throw new Error(`the event ${eventId} is not loaded in ${roomId}`);
    return event;
}

/** An event as the driving side gets it; waits for a decryption that is under way. */
export async function describe(client: MatrixClient, event: MatrixEvent): Promise<TimelineItem> {
    await client.decryptEventIfNeeded(event);
    const content = event.getContent();
    const info = event.isEncrypted() ? await cryptoOf(client).getEncryptionInfoForEvent(event) : null;
    return {
        event_id: event.getId(),
        sender: event.getSender(),
        type: event.getType(),
        origin_server_ts: event.getTs(),
        encrypted: event.isEncrypted(),
        session_id: event.isEncrypted() ? event.getWireContent()["session_id"] : undefined,
        body: readableBody(event),
        content,
        redacted: event.isRedacted(),
        edited: event.replacingEvent() !== null,
        relates_to: event.getOriginalContent()["m.relates_to"] ?? event.getWireContent()["m.relates_to"],
        is_decryption_failure: event.isDecryptionFailure(),
        failure_reason: event.decryptionFailureReason ?? undefined,
        shield_colour: info === null ? undefined : EventShieldColour[info.shieldColour],
        shield_reason: info?.shieldReason == null ? undefined : EventShieldReason[info.shieldReason],
    };
}

/** The text of a message; the SDK puts an apology in the place of one that it could not decrypt. */
function readableBody(event: MatrixEvent): string | undefined {
    if (event.isDecryptionFailure() || event.isRedacted()) return undefined;
    const body: unknown = event.getContent()["body"];
    return typeof body === "string" ? body : undefined;
}

async function openWindow(client: MatrixClient, room: Room, size: number, toStart: boolean): Promise<TimelineWindow> {
    const window = new TimelineWindow(client, room.getUnfilteredTimelineSet(), { windowLimit: Infinity });
    await window.load(undefined, size);
    while (toStart && window.canPaginate(Direction.Backward)) {
        if (!(await window.paginate(Direction.Backward, PAGE))) break;
    }
    return window;
}

async function isLoadedToStart(client: MatrixClient, room: Room): Promise<boolean> {
    try {
        await openWindow(client, room, PAGE, true);
        return true;
    } catch (error) {
        console.warn("the homeserver gave no history; asking again", String(error));
        return false;
    }
}

function loadedEvents(room: Room): MatrixEvent[] {
    return room
        .getUnfilteredTimelineSet()
        .getTimelines()
        .flatMap((timeline) => timeline.getEvents());
}

function isWanted(event: MatrixEvent, wanted: { eventId: string | undefined; body: string | undefined }): boolean {
    const body = readableBody(event);
    if (body === undefined || event.isBeingDecrypted()) return false;
    return wanted.eventId === undefined ? body === wanted.body : event.getId() === wanted.eventId;
}
