import { setTimeout as sleep } from "node:timers/promises";

const LOOK_AGAIN_MS = 100;

/** What `look` finds, as soon as it finds something; looks again until `timeoutMs` has passed. */
export async function until<Found>(
    timeoutMs: number,
    what: string,
    look: () => Found | undefined | Promise<Found | undefined>,
): Promise<Found> {
    const end = performance.now() + timeoutMs;
    for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        if (performance.now() >= end) throw new Error(`after ${timeoutMs} ms still no ${what}`);
        await sleep(LOOK_AGAIN_MS);
    }
}
