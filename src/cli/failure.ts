/** What a command ends with: exit codes, and the errors that people are told in one line. */

/** The codes that `chronik` exits with. README.md shows them. */
export const EXIT = { failed: 1, misused: 2, interrupted: 130 } as const;

/** A command could not do what it was asked to. Its message is one line that says what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/** A command was used wrongly in a way that only its action can see. */
export class Misuse extends Error {
  override readonly name = "Misuse";
}
