/**
 * A helper beside the broker: a thread, or a process. It can crash, stall or be ended at any moment, and the broker goes on.
 * Messages are plain data, and are copied.
 */
export interface ChildLauncher {
  launch(events: ChildEvents): Child;
}

export interface ChildEvents {
  message(message: unknown): void;
  /** It has ended, by itself or because it was told to. Called once, and nothing is called afterwards. */
  ended(reason: string): void;
}

export interface Child {
  /** In order. Without effect once it has ended. */
  send(message: unknown): void;
  /** Ends it at once, whatever it is doing; `ended` follows. */
  end(): void;
}
