/** Rooms and invitations, as the sync has them. */

import { EventType, KnownMembership, type MatrixClient, Preset, type Room } from "matrix-js-sdk";

import { cryptoOf } from "./identity.ts";
import { until } from "./until.ts";

const SYNC_MS = 30_000;

export interface RoomSummary {
    room_id: string;
    membership: string;
    name: string;
    encrypted: boolean;
    inviter: string | undefined;
    members: string[];
    predecessor: string | undefined;
    replacement: string | undefined;
    is_listed: boolean;
}

/** The room; an error for one that the sync has not brought. */
export function roomOf(client: MatrixClient, roomId: string): Room {
    const room = client.getRoom(roomId);
    if (room === null) throw new Error(`the room ${roomId} is unknown here`);
    return room;
}

/** Every room of the account, invitations and left ones too. */
export function rooms(client: MatrixClient): RoomSummary[] {
    return client.getRooms().map((room) => summary(client, room));
}

/** The invitation to this room, or by this user, or the first one there is. */
export function waitForInvite(
    client: MatrixClient,
    wanted: { roomId: string | undefined; inviter: string | undefined; timeoutMs: number },
): Promise<RoomSummary> {
    return until(wanted.timeoutMs, `invitation ${wanted.roomId ?? wanted.inviter ?? ""}`, () =>
        rooms(client)
            .filter((room) => room.membership === KnownMembership.Invite)
            .filter((room) => wanted.roomId === undefined || room.room_id === wanted.roomId)
            .find((room) => wanted.inviter === undefined || room.inviter === wanted.inviter),
    );
}

/** Joins and waits until the sync has brought the room, so that a message can't go out in clear text. */
export async function join(client: MatrixClient, roomId: string): Promise<RoomSummary> {
    await client.joinRoom(roomId);
    return joined(client, roomId);
}

/** Makes an encrypted room of one's own and invites these users. */
export async function createRoom(client: MatrixClient, invite: string[]): Promise<RoomSummary> {
    const created = await client.createRoom({
        preset: Preset.PrivateChat,
        invite,
        initial_state: [
            { type: EventType.RoomEncryption, state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
        ],
    });
    return until(SYNC_MS, `room ${created.room_id} with its invitations in the sync`, async () => {
        // A message is encrypted for the members that the sync has brought; the others could not read it.
        const room = client.getRoom(created.room_id);
        const isComplete = invite.every((userId) => room?.hasMembershipState(userId, KnownMembership.Invite));
        return isComplete ? joined(client, created.room_id) : undefined;
    });
}

function joined(client: MatrixClient, roomId: string): Promise<RoomSummary> {
    return until(SYNC_MS, `joined room ${roomId} in the sync`, async () => {
        const room = client.getRoom(roomId);
        if (room?.getMyMembership() !== KnownMembership.Join) return undefined;
        const isReady = !room.hasEncryptionStateEvent() || (await cryptoOf(client).isEncryptionEnabledInRoom(roomId));
        return isReady ? summary(client, room) : undefined;
    });
}

function summary(client: MatrixClient, room: Room): RoomSummary {
    const me = room.getMember(client.getSafeUserId());
    const membership = room.getMyMembership();
    return {
        room_id: room.roomId,
        membership,
        name: room.name,
        encrypted: room.hasEncryptionStateEvent(),
        inviter: membership === KnownMembership.Invite ? me?.events.member?.getSender() : undefined,
        members: room.getJoinedMembers().map((member) => member.userId),
        predecessor: room.findPredecessor()?.roomId,
        replacement: room.currentState.getStateEvents(EventType.RoomTombstone, "")?.getContent()["replacement_room"],
        is_listed: client.getVisibleRooms().includes(room),
    };
}
