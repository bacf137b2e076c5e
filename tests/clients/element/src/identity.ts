/** Cross-signing and secret storage, as Element sets them up. */

import type { MatrixClient } from "matrix-js-sdk";
import { type CryptoApi, type CryptoCallbacks, decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";
import type { UIAuthCallback } from "matrix-js-sdk/lib/interactive-auth.js";

import { until } from "./until.ts";

const KEYS_PUBLISHED_MS = 20_000;

/** The key that opens the secret storage; known from the recovery key, or once the storage is made. */
export class RecoveryKey {
    #bytes: Uint8Array<ArrayBuffer> | undefined;

    constructor(encoded: string | undefined) {
        this.#bytes = encoded === undefined ? undefined : new Uint8Array(decodeRecoveryKey(encoded));
    }

    readonly callbacks: CryptoCallbacks = {
        getSecretStorageKey: async ({ keys }) => {
            const [keyId] = Object.keys(keys);
            return keyId === undefined || this.#bytes === undefined ? null : [keyId, this.#bytes];
        },
        cacheSecretStorageKey: (_keyId, _keyInfo, key) => {
            this.#bytes = key;
        },
    };
}

/** Gives the account its identity and returns the new recovery key. No device may have one yet. */
export async function createIdentity(client: MatrixClient, user: string, password: string): Promise<string> {
    const crypto = cryptoOf(client);
    if (await crypto.userHasCrossSigningKeys(client.getSafeUserId(), true)) {
        throw new Error("this account has an identity already: log in with its recovery key");
    }
    await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: withPassword(user, password) });
    const key = await crypto.createRecoveryKeyFromPassphrase();
    await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => key });
    await ownDeviceOnServer(client, isSignedByIdentity);
    if (key.encodedPrivateKey === undefined) throw new Error("the SDK made a recovery key without text");
    return key.encodedPrivateKey;
}

/** Replaces the account's identity by a new one that signs this device, as "reset all" in Element does. */
export async function replaceIdentity(client: MatrixClient, user: string, password: string): Promise<void> {
    await cryptoOf(client).bootstrapCrossSigning({
        setupNewCrossSigning: true,
        authUploadDeviceSigningKeys: withPassword(user, password),
    });
    await ownDeviceOnServer(client, isSignedByIdentity);
}

/** Signs this new device with the identity in the secret storage. */
export async function adoptIdentity(client: MatrixClient): Promise<void> {
    const crypto = cryptoOf(client);
    // A signature for a device that the server doesn't know yet is dropped without an error.
    await ownDeviceOnServer(client, () => true);
    // Importing the private keys fails unless the public ones were fetched before.
    if (!(await crypto.userHasCrossSigningKeys(client.getSafeUserId(), true))) {
        throw new Error("this account has no identity yet: log in without a recovery key");
    }
    await crypto.bootstrapCrossSigning({
        authUploadDeviceSigningKeys: async () => {
            throw new Error("the secret storage holds no identity; a new one would alarm everybody else");
        },
    });
    await ownDeviceOnServer(client, isSignedByIdentity);
}

/** The client's crypto; an error before it was initialised. */
export function cryptoOf(client: MatrixClient): CryptoApi {
    const crypto = client.getCrypto();
    if (crypto === undefined) throw new Error("the crypto is not initialised");
    return crypto;
}

function withPassword(user: string, password: string): UIAuthCallback<void> {
    return (makeRequest) =>
        makeRequest({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });
}

type Signatures = Record<string, string>;

function isSignedByIdentity(signatures: Signatures): boolean {
    return Object.keys(signatures).length > 1;
}

async function ownDeviceOnServer(client: MatrixClient, accept: (signatures: Signatures) => boolean): Promise<void> {
    const userId = client.getSafeUserId();
    await until(KEYS_PUBLISHED_MS, "own device with its signatures on the homeserver", async () => {
        const answer = await client.downloadKeysForUsers([userId]);
        const signatures = answer.device_keys[userId]?.[client.getDeviceId() ?? ""]?.signatures?.[userId];
        return signatures !== undefined && accept(signatures) ? true : undefined;
    });
}
