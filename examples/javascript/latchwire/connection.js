// The connection to the broker: login, last will, subscriptions and their proof, and coming back after it was lost.

import { randomBytes } from 'node:crypto';
import mqtt from 'mqtt';

const SECONDS_BETWEEN_ATTEMPTS = 2;
const SECONDS_FOR_PROOF = 10;

export class Connection {
  #client;
  #name;
  #log;
  #proof = '';
  #deadline;
  ready = false;

  /**
   * @param {object} options
   *   broker     host, port, mqtt5, login, password, and ca, cert, key for TLS
   *   lifetime   of a nonce, in seconds
   *   onReady    called whenever the subscriptions were proved: publish all that is retained
   *   onMessage  called with (topic, packet), one message after the other; it may return a promise
   */
  constructor({ broker, lifetime, onReady, onMessage, log }) {
    this.#name = broker.login;
    this.#log = log;
    this.onReady = onReady;
    this.onMessage = onMessage;
    this.#client = mqtt.connect({
      protocol: broker.ca ? 'mqtts' : 'mqtt',
      host: broker.host,
      port: broker.port,
      ca: broker.ca,
      cert: broker.cert,
      key: broker.key,
      minVersion: 'TLSv1.2',
      protocolVersion: broker.mqtt5 ? 5 : 4,
      clientId: `${broker.login}-${randomBytes(16).toString('hex')}`, // nobody takes us over by guessing it
      username: broker.login,
      password: broker.password,
      clean: true,
      properties: broker.mqtt5 ? { sessionExpiryInterval: 2 * lifetime } : undefined,
      will: { topic: `latchwire/${broker.login}/availability`, payload: 'offline', qos: 1, retain: true },
      keepalive: 15,
      reconnectPeriod: SECONDS_BETWEEN_ATTEMPTS * 1000,
      reconnectOnConnackError: true, // a new login is known only when the broker has read it
      resubscribe: false, // we do, for the proof
    });
    this.#client.on('connect', () => this.#connected(broker.mqtt5));
    this.#client.on('close', () => this.#lost());
    this.#client.on('error', (error) => log('error', 'The broker cannot be used.', { detail: error.message }));
    // mqtt.js acknowledges a message when this one calls back, and hands out the next one then: so they stay in order.
    this.#client.handleMessage = (packet, acknowledge) => this.#heard(packet).finally(() => acknowledge());
  }

  /** Publishes at QoS 1. A retained message is not kept for later: all of them are published again when we are ready. */
  publish(topic, payload, { retain = false } = {}) {
    if (retain && !this.ready) return;
    this.#client.publish(topic, payload, { qos: 1, retain });
  }

  /** Says that we are gone, then goes. */
  async end() {
    this.publish(`latchwire/${this.#name}/availability`, 'offline', { retain: true });
    this.ready = false;
    await this.#client.endAsync();
  }

  #connected(mqtt5) {
    this.#client.stream.setNoDelay(true); // else each command takes 44 ms longer
    if (mqtt5) this.#client.options.clean = false; // from now on this process keeps its session
    const own = ['availability', 'nonce', 'status'].map((what) => `latchwire/${this.#name}/${what}`);
    const filters = Object.fromEntries(own.map((topic) => [topic, { qos: 1 }]));
    // As published: a command that its publisher wanted retained is seen also when it comes live.
    filters[`latchwire/${this.#name}/+/command`] = mqtt5 ? { qos: 1, rap: true } : { qos: 1 };
    this.#client.subscribe(filters, (error) => {
      if (error) return; // the connection is lost again
      this.#proof = randomBytes(16).toString('hex');
      this.#client.publish(`latchwire/${this.#name}/self-test/command`, this.#proof, { qos: 1 });
    });
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#log('error', 'The broker does not deliver our commands; does its access list know this login?', {});
      this.#client.reconnect();
    }, SECONDS_FOR_PROOF * 1000);
  }

  #lost() {
    clearTimeout(this.#deadline);
    if (this.ready) this.#log('warn', 'The connection to the broker is lost.', {});
    this.ready = false;
  }

  async #heard(packet) {
    const topic = packet.topic.toString();
    if (topic === `latchwire/${this.#name}/self-test/command`) {
      if (this.ready || packet.payload.toString() !== this.#proof) return;
      clearTimeout(this.#deadline);
      this.ready = true;
      this.onReady();
      return;
    }
    try {
      await this.onMessage(topic, packet);
    } catch (error) {
      // The one place for what nobody foresaw. Nothing was answered, and nothing is done twice.
      this.#log('error', 'A message could not be worked.', { detail: error.stack });
    }
  }
}
