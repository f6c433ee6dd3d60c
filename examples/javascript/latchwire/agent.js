// An agent: checks commands, has its devices do them, answers with signed receipts. docs/protocol.md says it all.

import { randomBytes } from 'node:crypto';
import { Alerts } from './alerts.js';
import { HAPPENED } from './causes.js';
import { check } from './checks.js';
import { COUNTS_SLEEP, seconds } from './clock.js';
import { Connection } from './connection.js';
import { Device } from './device.js';
import { log } from './log.js';
import { Peers } from './peers.js';
import { signed } from './token.js';
import { Windows } from './windows.js';

const SECONDS_BETWEEN_LOOKS = 30; // somebody may have switched it by hand

export class Agent {
  #bundle;
  #devices = new Map();
  #windows;
  #connection;
  #alerts;
  #peers;
  #published = new Map(); // the state of each device as it was last told
  #timers = [];

  /**
   * @param {object} bundle what readBundle() gives
   * @param {(name: string, device: object) => object} makeHandler makes the object with a method for each action
   */
  constructor(bundle, makeHandler) {
    this.#bundle = bundle;
    for (const [name, device] of bundle.devices) this.#devices.set(name, new Device(makeHandler(name, device), log));
    const makeNonce = () => randomBytes(16).toString('base64url');
    this.#windows = new Windows({ lifetime: bundle.lifetime, makeNonce, now: seconds() });
    this.#alerts = new Alerts((alert) => this.#publish('alert', JSON.stringify(alert)));
    this.#peers = new Peers({
      lifetime: bundle.lifetime,
      announce: (status) => this.#publishStatus(status),
      aside: () => this.#alerts.tell('duplicate-agent'),
      again: () => this.#publishAll(),
    });
  }

  /** Looks at all devices, then connects. */
  async start() {
    if (!COUNTS_SLEEP) log('warn', 'This machine tells no time that counts its sleep: do not let it sleep.', {});
    for (const device of this.#devices.values()) await device.look();
    this.#connection = new Connection({
      broker: this.#bundle.broker,
      lifetime: this.#bundle.lifetime,
      onReady: () => this.#ready(),
      onMessage: (topic, packet) => this.#heard(topic, packet),
      log,
    });
    this.#timers.push(setInterval(() => this.#rollIfDue(), 500));
    this.#timers.push(setInterval(() => this.#lookAtAll(), SECONDS_BETWEEN_LOOKS * 1000));
  }

  /** Finishes what was begun, refuses what still comes, says good-bye. */
  async stop() {
    this.#timers.forEach(clearInterval);
    for (const device of this.#devices.values()) device.stopping = true;
    await Promise.all([...this.#devices.values()].map((device) => device.idle()));
    await this.#connection.end();
  }

  // ------------------------------------------------------------------------------------ what is heard

  async #heard(topic, packet) {
    const [, , second, last] = topic.split('/');
    if (last === 'command') return this.#command(second, packet);
    if (packet.retain) return undefined; // what we, or another before us, said once
    const text = packet.payload.toString();
    if (second === 'availability' && text !== 'online') this.#publish('availability', 'online', true); // a late will
    if (second === 'nonce' && !this.#madeByUs(text)) this.#peers.suspect();
    if (second === 'status') this.#peers.compare(text);
    return undefined;
  }

  async #command(device, packet) {
    if (this.#peers.standsAside) return;
    this.#rollIfDue();
    const { name, lifetime, keyring, obeys, devices } = this.#bundle;
    const message = { device, payload: packet.payload, retained: packet.retain };
    const verdict = await check(message, { name, lifetime, keyring, obeys, devices, windows: this.#windows, seconds });
    const known = this.#devices.has(device) ? device : undefined;
    if (verdict.alert) {
      log('warn', 'A command was not believed.', { device: known, cause: verdict.alert });
      this.#alerts.tell(verdict.alert, { device: known, kid: verdict.kid });
    } else if (verdict.repeated) {
      if (!packet.dup) this.#alerts.tell('replayed', { device: known, kid: verdict.key.kid });
      if (verdict.repeated.receipt) this.#publish(this.#receiptTopic(device, verdict), verdict.repeated.receipt);
    } else if (verdict.refused) {
      await this.#answer(device, verdict, { outcome: 'refused', cause: verdict.refused });
    } else if (this.#devices.get(device).busy) {
      await this.#answer(device, verdict, { outcome: 'refused', cause: 'busy' });
    } else {
      this.#devices.get(device).inTurn(() => this.#do(device, verdict)).catch((error) => log('error', error.stack, {}));
    }
  }

  // A nonce that cannot be read is nobody's of ours either.
  #madeByUs(text) {
    try {
      return this.#windows.made(JSON.parse(text).nonce);
    } catch {
      return false;
    }
  }

  // -------------------------------------------------------------------------------- what is done and said

  async #do(name, verdict) {
    const { command } = verdict;
    if (!this.#windows.acts(command.nonce, command.until, seconds())) {
      this.#windows.forget(command.iss, command.jti);
      await this.#answer(name, { ...verdict, remembered: undefined }, { outcome: 'refused', cause: 'stale-nonce' });
      return;
    }
    const { answered, ended } = this.#devices.get(name).do(command.act);
    await this.#answer(name, verdict, await answered);
    this.#publishState(name, command.act === 'status' ? undefined : command.sub);
    await ended; // the next command waits for that
    this.#publishState(name, command.act === 'status' ? undefined : command.sub);
  }

  async #answer(name, verdict, { outcome, cause, changed }) {
    const { command, key, remembered } = verdict;
    const device = this.#devices.get(name);
    const receipt = {
      iss: `${this.#bundle.name}/${name}`, aud: key.issuer, re: command.jti, sub: command.sub, act: command.act,
      outcome, state: device?.state ?? 'unknown', changed,
    };
    if (cause) Object.assign(receipt, { cause, happened: HAPPENED[cause] });
    if (cause === 'stale-nonce' || cause === 'unknown-nonce') {
      const age = Math.ceil(this.#windows.age(seconds()));
      Object.assign(receipt, { nonce: this.#windows.nonce, age, over: command.nonce });
    }
    if (device?.simulated) receipt.simulated = true;
    const token = await signed(receipt, key);
    if (remembered) remembered.receipt = token;
    const { act: action, sub: who, jti } = command;
    log('info', 'A command was answered.', { device: device && name, action, who, command: jti, outcome, cause });
    this.#publish(this.#receiptTopic(name, verdict), token);
  }

  #receiptTopic(device, { key }) {
    return `${device}/receipt/${key.issuer}`;
  }

  #ready() {
    log('info', `Agent ${this.#bundle.name} is ready for commands.`, {});
    this.#publishAll();
  }

  #publishAll() {
    for (const name of this.#devices.keys()) this.#publishState(name, undefined, true);
    this.#publishNonce();
    this.#publishStatus(this.#peers.status());
    this.#publish('availability', 'online', true);
  }

  #publishNonce() {
    const nonce = { protocol: 1, nonce: this.#windows.nonce, lifetime: this.#bundle.lifetime };
    this.#publish('nonce', JSON.stringify(nonce), true);
  }

  #publishState(name, by, again = false) {
    const { state, cause, simulated } = this.#devices.get(name);
    const told = this.#published.get(name);
    const who = told?.state === state ? told.by : by; // who brought it about
    const text = JSON.stringify({ state, cause, by: who, simulated: simulated || undefined });
    if (again || text !== told?.text) this.#publish(`${name}/state`, text, true);
    this.#published.set(name, { state, by: who, text });
  }

  #publishStatus({ up, instance }) {
    const status = { service: 'latchwire-lamp', version: '1.0.0', health: 'ok', troubles: [], notes: [], up, instance };
    this.#publish('status', JSON.stringify(status), true);
  }

  #publish(what, payload, retain = false) {
    if (this.#peers.standsAside && what !== 'alert') return;
    this.#connection.publish(`latchwire/${this.#bundle.name}/${what}`, payload, { retain });
  }

  // ------------------------------------------------------------------------------------ now and then

  #rollIfDue() {
    if (this.#windows.rollIfDue(seconds())) this.#publishNonce();
  }

  #lookAtAll() {
    for (const [name, device] of this.#devices) {
      device.inTurn(() => device.look()).then(() => this.#publishState(name), (error) => log('error', error.stack, {}));
    }
  }
}
