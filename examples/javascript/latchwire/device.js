// One device: its commands are done one after the other, and its state is what the hardware says.

import { ActionError, HAPPENED } from './causes.js';

const MOST_WAITING = 8; // commands; more are refused as busy
const SECONDS_TO_ANSWER = 5; // then an action that has not ended is told as `timeout`
const STATES = ['on', 'off', 'unknown'];

export class Device {
  #handler;
  #log;
  #last = Promise.resolve();
  #waiting = 0;
  state = 'unknown';
  cause;
  stopping = false;

  /** @param handler has a method for each action; each returns the state that it read back, or a promise of it */
  constructor(handler, log) {
    this.#handler = handler;
    this.#log = log;
  }

  get simulated() {
    return this.#handler.simulated === true;
  }

  get busy() {
    return this.stopping || this.#waiting >= MOST_WAITING;
  }

  /** Calls `work` when all that came before it is done. */
  inTurn(work) {
    this.#waiting += 1;
    const done = this.#last.then(work).finally(() => (this.#waiting -= 1));
    this.#last = done.catch(() => {}); // what comes after it is done all the same
    return done;
  }

  /** Waits until nothing is waiting. */
  idle() {
    return this.#last;
  }

  /**
   * Does an action: `answered` has its outcome, after five seconds at the latest; `ended` is when the hardware is free again.
   *
   * @returns {{answered: Promise<{outcome, cause?, changed?}>, ended: Promise}}
   */
  do(action) {
    const ended = this.#attempt(action);
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => {
        this.#keep('unknown', 'timeout');
        resolve({ outcome: 'failed', cause: 'timeout' });
      }, SECONDS_TO_ANSWER * 1000);
    });
    return { answered: Promise.race([ended, late]), ended: ended.finally(() => clearTimeout(timer)) };
  }

  /** Reads the state, without doing anything. */
  async look() {
    await this.#attempt('status');
  }

  async #attempt(action) {
    try {
      if (action !== 'toggle') return this.#judge(action, await this.#handler[action]());
      const before = await this.#handler.status();
      if (before !== 'on' && before !== 'off') throw new ActionError('hardware', 'nobody knows whether it is on');
      const wanted = before === 'on' ? 'off' : 'on';
      const result = this.#judge(wanted, await this.#handler[wanted]());
      return result.outcome === 'done' ? { ...result, changed: true } : result;
    } catch (error) {
      const cause = error instanceof ActionError && HAPPENED[error.cause] ? error.cause : 'internal';
      this.#log('error', 'The hardware could not be worked.', { action, cause, detail: error.message });
      this.#keep('unknown', cause);
      return { outcome: 'failed', cause };
    }
  }

  #judge(action, state) {
    if (!STATES.includes(state)) throw new ActionError('bad-answer', `it says ${state}`);
    this.#keep(state);
    if (action === 'status') return state === 'unknown' ? { outcome: 'failed', cause: 'hardware' } : { outcome: 'done' };
    return state === action ? { outcome: 'done' } : { outcome: 'failed', cause: 'not-confirmed' };
  }

  #keep(state, cause) {
    this.state = state;
    this.cause = state === 'unknown' ? (cause ?? 'hardware') : undefined;
  }
}
