// The agent's nonces, and what it remembers of each command. Without I/O; the time comes in as an argument.

const KEPT = 4; // nonces whose commands are known
const ACTING = 2; // of these the newest: their commands act
const MOST_REMEMBERED = 1024; // then the nonce is rolled early: this bounds the memory

export class Windows {
  #windows = []; // the newest first
  #lifetime;
  #makeNonce;

  /**
   * @param {{lifetime: number, makeNonce: () => string, now: number}} options lifetime and now in seconds
   */
  constructor({ lifetime, makeNonce, now }) {
    this.#lifetime = lifetime;
    this.#makeNonce = makeNonce;
    this.#roll(now);
  }

  get nonce() {
    return this.#windows[0].nonce;
  }

  /** The age of the current nonce, in seconds. */
  age(now) {
    return now - this.#windows[0].made;
  }

  /** Whether an earlier or the current nonce of this process is that one. */
  made(nonce) {
    return this.#windows.some((window) => window.nonce === nonce);
  }

  /** Makes a new nonce if it is time; tells whether it did. */
  rollIfDue(now) {
    if (this.age(now) < this.#lifetime && this.#windows[0].count < MOST_REMEMBERED) return false;
    this.#roll(now);
    return true;
  }

  /** Whether a command over that nonce may still act. */
  acts(nonce, until, now) {
    const window = this.#windows.slice(0, ACTING).find((each) => each.nonce === nonce);
    return window !== undefined && now - window.made <= until;
  }

  /** What is remembered of a command: `{receipt}`, without receipt while it is being done; nothing if it is fresh. */
  find(issuer, jti) {
    return this.#windows.map((window) => window.commands.get(`${issuer}/${jti}`)).find((found) => found !== undefined);
  }

  /** Files a fresh command under the nonce that is current now, so that it is known for as long as it could act. */
  remember(issuer, jti) {
    const remembered = { receipt: undefined };
    this.#windows[0].commands.set(`${issuer}/${jti}`, remembered);
    this.#windows[0].count += 1;
    return remembered;
  }

  /** Forgets one that was never begun. */
  forget(issuer, jti) {
    for (const window of this.#windows) window.commands.delete(`${issuer}/${jti}`);
  }

  #roll(now) {
    this.#windows.unshift({ nonce: this.#makeNonce(), made: now, commands: new Map(), count: 0 });
    this.#windows.length = Math.min(this.#windows.length, KEPT);
  }
}
