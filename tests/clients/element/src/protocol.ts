/** The program's side of the JSON lines: what comes in is checked, what goes out is one line each. */

import { createInterface } from "node:readline";

/** One command's arguments; a missing or mistyped one is an error that names it. */
export class Arguments {
    readonly #values: Record<string, unknown>;

    constructor(values: Record<string, unknown>) {
        this.#values = values;
    }

    text(name: string): string {
        const value = this.optionalText(name);
        if (value === undefined) throw new Error(`the argument ${name} is missing`);
        return value;
    }

    optionalText(name: string): string | undefined {
        const value = this.#values[name] ?? undefined;
        if (value !== undefined && typeof value !== "string") throw new Error(`${name} must be text`);
        return value;
    }

    texts(name: string): string[] {
        const value = this.#values[name];
        if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
            throw new Error(`${name} must be a list of texts`);
        }
        return value;
    }

    object(name: string): Record<string, unknown> {
        const value = this.#values[name];
        if (typeof value !== "object" || value === null) throw new Error(`${name} must be an object`);
        return value as Record<string, unknown>;
    }

    integer(name: string): number {
        const value = this.#values[name];
        if (!Number.isInteger(value)) throw new Error(`${name} must be an integer`);
        return value as number;
    }

    flag(name: string): boolean {
        const value = this.#values[name];
        if (typeof value !== "boolean") throw new Error(`${name} must be true or false`);
        return value;
    }
}

export type Command = (given: Arguments) => Promise<unknown>;

/** Tells the driving side something that it did not ask for. */
export function push(event: string, details: object = {}): void {
    writeLine({ event, ...details });
}

/** Runs commands as their lines come in, several at a time; returns when the driving side has gone. */
export async function serve(commands: ReadonlyMap<string, Command>): Promise<void> {
    push("ready");
    for await (const line of createInterface({ input: process.stdin })) void answer(commands, line);
}

async function answer(commands: ReadonlyMap<string, Command>, line: string): Promise<void> {
    const { id, command, arguments: given } = JSON.parse(line) as {
        id: number;
        command: string;
        arguments: Record<string, unknown>;
    };
    try {
        const run = commands.get(command);
        if (run === undefined) throw new Error(`there is no command ${command}`);
        writeLine({ id, result: (await run(new Arguments(given))) ?? null });
    } catch (error) {
        writeLine({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
}

function writeLine(message: object): void {
    process.stdout.write(`${JSON.stringify(message)}\n`);
}
