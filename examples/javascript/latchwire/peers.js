// Two processes of one name would each do every command. The younger one stands aside.

import { randomBytes } from 'node:crypto';
import { log } from './log.js';
import { seconds } from './clock.js';

const MILLISECONDS_ASIDE = 600_000;
const SECONDS_ALIKE = 5; // who began within this time of each other is told apart by `instance`
const SECONDS_BETWEEN_WORDS = 1;

export class Peers {
  #began = seconds();
  #instance = randomBytes(8).toString('hex');
  #actions;
  #seen = -Infinity; // when the other one was last heard
  #spoke = -Infinity;
  #stays = false;
  standsAside = false;

  /** @param actions announce(status), aside(), again() (publish everything): what to do; lifetime: of a nonce, in seconds */
  constructor(actions) {
    this.#actions = actions;
  }

  /** What our own status tells of us. */
  status() {
    return { up: Math.round((seconds() - this.#began) * 1000) / 1000, instance: this.#instance };
  }

  /** There is a nonce that we did not make: tell who we are; the other one does the same. */
  suspect() {
    this.#seen = seconds();
    if (!this.standsAside) this.#speak();
  }

  /** Compares ourselves with a status under our name; it may be our own. */
  compare(text) {
    let other;
    try {
      other = JSON.parse(text);
    } catch {
      return;
    }
    if (typeof other?.up !== 'number' || typeof other.instance !== 'string' || other.instance === this.#instance) return;
    this.#seen = seconds();
    if (this.standsAside) return;
    const { up, instance } = this.status();
    const younger = Math.abs(up - other.up) < SECONDS_ALIKE ? instance < other.instance : up < other.up;
    if (younger) this.#standAside();
    else this.#stay();
  }

  // The other one stands aside. What it published until it knew that is ours to replace.
  #stay() {
    if (this.#stays) return;
    this.#stays = true;
    this.#actions.again();
    setTimeout(() => {
      this.#stays = false;
      this.#actions.again();
    }, SECONDS_BETWEEN_WORDS * 1000).unref();
  }

  #speak() {
    if (seconds() - this.#spoke < SECONDS_BETWEEN_WORDS) return;
    this.#spoke = seconds();
    this.#actions.announce(this.status());
  }

  #standAside() {
    log('error', 'Another process runs under this name. Stop one of the two.', { cause: 'duplicate-agent' });
    this.#actions.aside();
    this.standsAside = true;
    setTimeout(() => this.#lookAgain(), MILLISECONDS_ASIDE).unref();
  }

  #lookAgain() {
    if (seconds() - this.#seen < 2 * this.#actions.lifetime) {
      setTimeout(() => this.#lookAgain(), MILLISECONDS_ASIDE).unref();
      return;
    }
    this.standsAside = false;
    this.#actions.again();
  }
}
