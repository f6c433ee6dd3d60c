// The test vectors of docs/protocol.md: this program says of each what the page says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseKeyring } from '../latchwire/bundle.js';
import { check } from '../latchwire/checks.js';
import { signed } from '../latchwire/token.js';
import { Windows } from '../latchwire/windows.js';

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
const secret = /^ {4}key {6}([0-9a-f]{64})$/m.exec(page)[1];
const nonce = /"nonce":"([\w-]{22})"/.exec(page)[1];
const vectors = [...page.matchAll(/^(\S.*): \*\*([a-z-]+)\*\*\n\n {4}(\S+)$/gm)];

// The agent that the page describes: 3 seconds after its first nonce.
function omega() {
  return {
    name: 'omega',
    devices: new Map([['front-door', { actions: ['lock', 'unlock', 'toggle', 'status'] }]]),
    keyring: parseKeyring(`# one key\n\nwhatsapp/1 omega ${secret}\n`, 'omega'),
    obeys: () => true,
    lifetime: 30,
    windows: new Windows({ lifetime: 30, makeNonce: () => nonce, now: 0 }),
    seconds: () => 3,
  };
}

const say = (token, agent) => check({ device: 'front-door', payload: Buffer.from(token), retained: false }, agent);

for (const [, what, said, token] of vectors) {
  test(`${what}: ${said}`, async () => {
    const verdict = await say(token, omega());
    assert.equal(verdict.alert ?? verdict.refused ?? (verdict.accepted && 'accepted'), said);
  });
}

test('there are vectors, and the good one is known when it comes again', async () => {
  assert.ok(vectors.length >= 15);
  const agent = omega();
  const [, , said, good] = vectors[0];
  assert.equal(said, 'accepted');
  const first = await say(good, agent);
  assert.equal((await say(`${good}\r\n`, agent)).repeated, first.remembered);
});

test('a retained command is never looked at', async () => {
  const verdict = await check({ device: 'front-door', payload: Buffer.from(vectors[0][3]), retained: true }, omega());
  assert.deepEqual(verdict, { alert: 'retained' });
});

test('a receipt is signed as the page shows it', async () => {
  const [token] = /<!-- prints: receipts -->\n```text\n(\S+)/.exec(page).slice(1);
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  assert.equal(await signed(claims, omega().keyring.get('whatsapp/1')), token);
});
