/** The commands by name. Every one but `login` and `stop` needs a login before it. */

import { ClientEvent, type MatrixClient, MatrixEventEvent } from "matrix-js-sdk";

import { saveFile, sendFile } from "./files.ts";
import { cryptoOf, replaceIdentity } from "./identity.ts";
import { type Arguments, type Command, push } from "./protocol.ts";
import { createRoom, join, rooms, waitForInvite } from "./rooms.ts";
import { edit, react, readReceipt, redact, sendEvent, sendText } from "./sending.ts";
import { logIn } from "./session.ts";
import { describe, timeline, waitForMessage } from "./timeline.ts";
import { devicesOf, verificationState, waitForDevice } from "./trust.ts";

/** All commands of a program that is not logged in yet. */
export function commandTable(): ReadonlyMap<string, Command> {
    let client: MatrixClient | undefined;

    const login: Command = async (given) => {
        if (client !== undefined) throw new Error("logged in already");
        const loggedIn = await logIn(loginOptions(given));
        client = loggedIn.client;
        pushMessages(client);
        return {
            user_id: client.getSafeUserId(),
            device_id: client.getDeviceId(),
            recovery_key: loggedIn.recoveryKey,
        };
    };
    const logout: Command = async () => {
        await client?.logout(true);
        client = undefined;
    };
    const stop: Command = async () => {
        client?.stopClient();
        setImmediate(() => process.exit(0));
    };
    const withLogin = Object.entries(whileLoggedIn).map(([name, run]): [string, Command] => [
        name,
        async (given) => {
            if (client === undefined) throw new Error("not logged in");
            return run(client, given);
        },
    ]);
    return new Map([["login", login], ["logout", logout], ["stop", stop], ...withLogin]);
}

const whileLoggedIn: Record<string, (client: MatrixClient, given: Arguments) => Promise<unknown>> = {
    rooms: async (client) => rooms(client),
    wait_for_invite: (client, given) =>
        waitForInvite(client, {
            roomId: given.optionalText("room_id"),
            inviter: given.optionalText("inviter"),
            timeoutMs: given.integer("timeout_ms"),
        }),
    join: (client, given) => join(client, given.text("room_id")),
    create_room: (client, given) => createRoom(client, given.texts("invite")),
    invite: (client, given) => client.invite(given.text("room_id"), given.text("user_id")),
    leave: (client, given) => client.leave(given.text("room_id")),
    send_text: (client, given) =>
        sendText(client, given.text("room_id"), given.text("body"), given.optionalText("reply_to")),
    send_event: (client, given) =>
        sendEvent(client, given.text("room_id"), given.text("event_type"), given.object("content")),
    send_file: (client, given) =>
        sendFile(client, given.text("room_id"), {
            path: given.text("path"),
            name: given.text("name"),
            mimeType: given.text("mime_type"),
            caption: given.optionalText("caption"),
        }),
    save_file: (client, given) =>
        saveFile(client, given.text("room_id"), {
            eventId: given.text("event_id"),
            path: given.text("path"),
            thumbnail: given.flag("thumbnail"),
        }),
    edit: (client, given) => edit(client, given.text("room_id"), given.text("event_id"), given.text("body")),
    redact: (client, given) => redact(client, given.text("room_id"), given.text("event_id")),
    react: (client, given) => react(client, given.text("room_id"), given.text("event_id"), given.text("key")),
    read_receipt: (client, given) => readReceipt(client, given.text("room_id"), given.text("event_id")),
    timeline: (client, given) =>
        timeline(client, given.text("room_id"), given.integer("limit"), given.flag("paginate")),
    wait_for_message: (client, given) =>
        waitForMessage(client, {
            roomId: given.text("room_id"),
            eventId: given.optionalText("event_id"),
            body: given.optionalText("body"),
            timeoutMs: given.integer("timeout_ms"),
        }),
    rotate: (client, given) => cryptoOf(client).forceDiscardSession(given.text("room_id")),
    replace_identity: (client, given) => replaceIdentity(client, given.text("user"), given.text("password")),
    devices_of: (client, given) => devicesOf(client, given.text("user_id")),
    wait_for_device: (client, given) =>
        waitForDevice(client, {
            userId: given.text("user_id"),
            deviceId: given.text("device_id"),
            signed: given.flag("signed"),
            timeoutMs: given.integer("timeout_ms"),
        }),
    verification_state: (client, given) => verificationState(client, given.text("user_id")),
};

function loginOptions(given: Arguments): Parameters<typeof logIn>[0] {
    return {
        homeserverUrl: given.text("homeserver_url"),
        user: given.text("user"),
        password: given.text("password"),
        deviceId: given.optionalText("device_id"),
        displayName: given.optionalText("display_name"),
        recoveryKey: given.optionalText("recovery_key"),
        crossSigning: given.flag("cross_signing"),
    };
}

/** Pushes every message when it comes in and again when its decryption ended, well or badly. */
function pushMessages(client: MatrixClient): void {
    const pushOne = async (event: Parameters<typeof describe>[1]): Promise<void> => {
        if (!event.isState() && event.getRoomId() !== undefined) {
            push("message", { room_id: event.getRoomId(), message: await describe(client, event) });
        }
    };
    client.on(ClientEvent.Event, (event) => {
        if (!event.isEncrypted()) void pushOne(event);
    });
    client.on(MatrixEventEvent.Decrypted, (event) => void pushOne(event));
}
