/** What the crypto knows about a user and her devices: asked for the first time, then as it was told of changes. */

import type { MatrixClient } from "matrix-js-sdk";

import { cryptoOf } from "./identity.ts";
import { until } from "./until.ts";

export interface DeviceTrust {
    device_id: string;
    display_name: string | undefined;
    signed_by_owner: boolean;
    verified: boolean;
}

export interface UserTrust {
    known: boolean;
    has_identity: boolean;
    verified: boolean;
    identity_changed: boolean;
}

/** The user's devices that published keys, in the order of their ids. */
export async function devicesOf(client: MatrixClient, userId: string): Promise<DeviceTrust[]> {
    const crypto = cryptoOf(client);
    const devices = [...((await crypto.getUserDeviceInfo([userId], true)).get(userId)?.values() ?? [])];
    const described = devices.map(async (device) => {
        const status = await crypto.getDeviceVerificationStatus(userId, device.deviceId);
        return {
            device_id: device.deviceId,
            display_name: device.displayName,
            signed_by_owner: status?.signedByOwner ?? false,
            verified: status?.isVerified() ?? false,
        };
    });
    return (await Promise.all(described)).sort((a, b) => (a.device_id < b.device_id ? -1 : 1));
}

/** The device, once this client has heard of it and, if `signed`, of its owner's signature. */
export function waitForDevice(
    client: MatrixClient,
    wanted: { userId: string; deviceId: string; signed: boolean; timeoutMs: number },
): Promise<DeviceTrust> {
    const what = `${wanted.signed ? "signed " : ""}device ${wanted.deviceId} of ${wanted.userId}`;
    return until(wanted.timeoutMs, what, async () =>
        (await devicesOf(client, wanted.userId)).find(
            (device) => device.device_id === wanted.deviceId && (device.signed_by_owner || !wanted.signed),
        ),
    );
}

/** The user's identity; `identity_changed` is what Element shows as an alarm. */
export async function verificationState(client: MatrixClient, userId: string): Promise<UserTrust> {
    const crypto = cryptoOf(client);
    const hasIdentity = await crypto.userHasCrossSigningKeys(userId, true);
    const status = await crypto.getUserVerificationStatus(userId);
    return {
        known: status.known,
        has_identity: hasIdentity,
        verified: status.isVerified(),
        identity_changed: status.needsUserApproval,
    };
}
