// What could not be answered is told, at most once in ten seconds for each cause.

const MILLISECONDS = 10_000;

export class Alerts {
  #publish;
  #held = new Map(); // by cause: what to say when the ten seconds are over

  constructor(publish) {
    this.#publish = publish;
  }

  /** @param about `device` and `kid`, only if they are configured ones */
  tell(cause, about = {}) {
    const held = this.#held.get(cause);
    if (held) {
      held.count += 1;
      return;
    }
    this.#publish({ cause, ...about, count: 1 });
    this.#hold(cause);
  }

  #hold(cause) {
    this.#held.set(cause, { count: 0 });
    setTimeout(() => {
      const { count } = this.#held.get(cause);
      this.#held.delete(cause);
      if (count === 0) return;
      this.#publish({ cause, count }); // of several devices perhaps
      this.#hold(cause);
    }, MILLISECONDS).unref();
  }
}
