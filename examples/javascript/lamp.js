// A lamp that Latchwire works. Put your own hardware in the place of Lamp: this file is all that you change.
//
//     LATCHWIRE_BUNDLE=/path/to/bundle node lamp.js

import { Agent } from './latchwire/agent.js';
import { readBundle } from './latchwire/bundle.js';
import { log } from './latchwire/log.js';

/**
 * A switch. Each method returns the state, 'on', 'off' or 'unknown', as it was read back from the hardware, or a promise
 * of it; it throws an ActionError of ./latchwire/causes.js if it could not. `toggle` is made of these.
 */
class Lamp {
  simulated = true; // there is nothing but this memory; take the line out when there is
  #state = 'off';

  on() {
    this.#state = 'on';
    return this.#state;
  }

  off() {
    this.#state = 'off';
    return this.#state;
  }

  status() {
    return this.#state;
  }
}

function makeHandler(name, { kind }) {
  if (kind !== 'switch') throw new Error(`agent.json: devices.${name}.kind: this program works switches only`);
  return new Lamp();
}

try {
  const agent = new Agent(readBundle(process.env.LATCHWIRE_BUNDLE ?? ''), makeHandler);
  await agent.start();
  const stop = () => agent.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log('error', error.message, {});
  process.exit(1);
}
