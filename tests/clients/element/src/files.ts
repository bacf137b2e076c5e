/** Files as Element sends and opens them: encrypted here with WebCrypto, by the specification's EncryptedFile v2. */

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import { EventType, type MatrixClient } from "matrix-js-sdk";

import { cryptoOf } from "./identity.ts";
import { loadedEvent } from "./timeline.ts";

interface EncryptedFile {
    url: string;
    key: JsonWebKey;
    iv: string;
    hashes: { sha256: string };
    v: string;
}

/** Encrypts a file, uploads it and sends it; returns the event id. */
export async function sendFile(
    client: MatrixClient,
    roomId: string,
    file: { path: string; name: string; mimeType: string; caption: string | undefined },
): Promise<string> {
    if (!(await cryptoOf(client).isEncryptionEnabledInRoom(roomId))) throw new Error(`${roomId} is not encrypted`);
    const plain = await readFile(file.path);
    const iv = new Uint8Array(16);
    crypto.getRandomValues(iv.subarray(0, 8));
    const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
    const encrypted = Buffer.from(await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, key, plain));
    const { content_uri: url } = await client.uploadContent(new Blob([encrypted]), {
        type: "application/octet-stream",
        includeFilename: false,
    });
    const described: EncryptedFile = {
        url,
        key: await crypto.subtle.exportKey("jwk", key),
        iv: unpadded(Buffer.from(iv)),
        hashes: { sha256: unpadded(createHash("sha256").update(encrypted).digest()) },
        v: "v2",
    };
    const sent = await client.sendEvent(roomId, EventType.RoomMessage, {
        msgtype: messageType(file.mimeType),
        body: file.caption ?? file.name,
        filename: file.name,
        file: described,
        info: { mimetype: file.mimeType, size: plain.length },
    } as never);
    return sent.event_id;
}

/** Fetches the file of a message, decrypts it into `path`; refuses one that isn't whole. `thumbnail`: the small one. */
export async function saveFile(
    client: MatrixClient,
    roomId: string,
    wanted: { eventId: string; path: string; thumbnail: boolean },
): Promise<{ size: number }> {
    const content = loadedEvent(client, roomId, wanted.eventId).getContent();
    const file = (wanted.thumbnail ? content["info"]["thumbnail_file"] : content["file"]) as EncryptedFile;
    if (file.v !== "v2") throw new Error("another version");
    const address = client.mxcUrlToHttp(file.url, undefined, undefined, undefined, false, true, true);
    const response = await fetch(address ?? "", { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
    if (!response.ok) throw new Error(`the homeserver answers ${response.status}`);
    const encrypted = Buffer.from(await response.arrayBuffer());
    if (unpadded(createHash("sha256").update(encrypted).digest()) !== file.hashes.sha256) throw new Error("not whole");
    const key = await crypto.subtle.importKey("jwk", file.key, "AES-CTR", false, ["decrypt"]);
    const counter = Buffer.from(file.iv, "base64");
    const plain = Buffer.from(await crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 64 }, key, encrypted));
    await writeFile(wanted.path, plain);
    return { size: plain.length };
}

function messageType(mimeType: string): string {
    const family = mimeType.split("/")[0] ?? "";
    return ["image", "audio", "video"].includes(family) ? `m.${family}` : "m.file";
}

function unpadded(bytes: Buffer): string {
    return bytes.toString("base64").replace(/=+$/, "");
}
