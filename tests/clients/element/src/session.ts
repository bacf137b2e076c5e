/** One login: a device with its own crypto that syncs. */

import {
    calculateRetryBackoff,
    ClientEvent,
    createClient,
    type MatrixClient,
    MatrixScheduler,
    PendingEventOrdering,
    SyncState,
} from "matrix-js-sdk";
import { AllDevicesIsolationMode, OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api/index.js";

import { adoptIdentity, createIdentity, cryptoOf, RecoveryKey } from "./identity.ts";
import { push } from "./protocol.ts";
import { until } from "./until.ts";

const FIRST_SYNC_MS = 60_000;
const FIRST_SYNC_EVENTS = 100;

export interface LoginOptions {
    homeserverUrl: string;
    user: string;
    password: string;
    deviceId: string | undefined;
    displayName: string | undefined;
    recoveryKey: string | undefined;
    crossSigning: boolean;
}

export interface LoggedIn {
    client: MatrixClient;
    recoveryKey: string | undefined;
}

/**
 * Logs in with a password and starts to sync. With cross-signing the device is signed by the account's identity
 * (made at the first login, later taken from the secret storage) and trusts signed devices only; without, it
 * is the insecure device of an old client.
 */
export async function logIn(options: LoginOptions): Promise<LoggedIn> {
    const key = new RecoveryKey(options.recoveryKey);
    const client = await authenticatedClient(options, key);
    try {
        await client.initRustCrypto({ useIndexedDB: false });
        cryptoOf(client).setDeviceIsolationMode(
            options.crossSigning ? new OnlySignedDevicesIsolationMode() : new AllDevicesIsolationMode(false),
        );
        await startSync(client);
        return { client, recoveryKey: await setUpIdentity(client, options) };
    } catch (error) {
        // An unsigned device that nobody uses would be a warning to everybody else.
        await client.logout(true).catch(() => undefined);
        throw error;
    }
}

async function authenticatedClient(options: LoginOptions, key: RecoveryKey): Promise<MatrixClient> {
    const login = await createClient({ baseUrl: options.homeserverUrl }).loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: options.user },
        password: options.password,
        ...(options.deviceId === undefined ? {} : { device_id: options.deviceId }),
        ...(options.displayName === undefined ? {} : { initial_device_display_name: options.displayName }),
    });
    return createClient({
        baseUrl: options.homeserverUrl,
        userId: login.user_id,
        deviceId: login.device_id,
        accessToken: login.access_token,
        cryptoCallbacks: key.callbacks,
        scheduler: patientScheduler(),
    });
}

/**
 * Sends again, every two seconds and with the same transaction id, while the homeserver can't be reached. The SDK
 * gives up at once and leaves it to the person.
 */
function patientScheduler(): MatrixScheduler {
    return new MatrixScheduler((_event, _attempts, error) => calculateRetryBackoff(error, 1, true));
}

async function startSync(client: MatrixClient): Promise<void> {
    client.on(ClientEvent.Sync, (state, before) => {
        if (state !== before) push("sync", { state });
    });
    await client.startClient({
        initialSyncLimit: FIRST_SYNC_EVENTS,
        // The timeline shows only what the homeserver has accepted.
        pendingEventOrdering: PendingEventOrdering.Detached,
    });
    await until(FIRST_SYNC_MS, "first sync", () => {
        const state = client.getSyncState();
        return state === SyncState.Prepared || state === SyncState.Syncing ? true : undefined;
    });
}

async function setUpIdentity(client: MatrixClient, options: LoginOptions): Promise<string | undefined> {
    if (!options.crossSigning) return undefined;
    if (options.recoveryKey === undefined) return createIdentity(client, options.user, options.password);
    await adoptIdentity(client);
    return options.recoveryKey;
}
