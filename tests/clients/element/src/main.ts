/** A Matrix client without a window: commands come in as JSON lines, answers and events go out the same way. */

import { Console } from "node:console";

// Standard output belongs to the protocol; the SDK and its crypto log through the console, warnings are enough.
globalThis.console = new Console(process.stderr, process.stderr);
console.debug = console.info = console.log = console.trace = () => {};
process.on("unhandledRejection", (reason) => console.error("unhandled rejection", reason));

const { commandTable } = await import("./commands.ts");
const { serve } = await import("./protocol.ts");

await serve(commandTable());
process.exit(0);
