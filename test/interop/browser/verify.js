// Verification by emoji, as a client's dialogue has it: who is asked or asks, what is shown, and
// what its user says to that.
import { VerificationPhase, VerificationRequestEvent, VerifierEvent } from 'matrix-js-sdk/lib/crypto-api/verification.js';
import { CryptoEvent } from 'matrix-js-sdk/lib/crypto-api/CryptoEvent.js';

const { Ready, Started, Cancelled, Done } = VerificationPhase;

export function verify(bed) {
  let request, sas, asked = [], waiting = [];
  // phase resolves once a request has come so far, and fails where it was cancelled.
  const phase = (request, least) => new Promise((resolve, reject) => {
    const look = () => {
      if (request.phase === Cancelled) stop(reject, new Error(`cancelled: ${request.cancellationCode}`));
      else if (request.phase >= least) stop(resolve);
    };
    const stop = (end, why) => { request.off(VerificationRequestEvent.Change, look); end(why); };
    request.on(VerificationRequestEvent.Change, look); look();
  });
  // compare waits for what is to be compared, and returns it.
  const compare = async (next, begin) => {
    request = next;
    await phase(request, begin ? Ready : Started);
    const verifier = begin ? await request.startVerification('m.sas.v1') : request.verifier;
    const shown = new Promise(resolve => verifier.on(VerifierEvent.ShowSas, resolve));
    verifier.verify().catch(() => {}); // how it ends is the request's phase
    sas = verifier.getShowSasCallbacks() ?? await shown;
    return { names: sas.sas.emoji.map(([, name]) => name), decimals: sas.sas.decimal };
  };
  return {
    // expectVerification has requests of others heard from now on.
    expectVerification: () => { bed.client.on(CryptoEvent.VerificationRequestReceived, r => { const w = waiting.shift(); w ? w(r) : asked.push(r); }); },
    acceptVerification: async () => {
      const next = asked.shift() ?? await new Promise(resolve => waiting.push(resolve));
      await next.accept();
      return compare(next, false);
    },
    verify: async ({ room, user }) => compare(await bed.client.getCrypto().requestVerificationDM(user, room), true),
    verifyDevice: async ({ user, device }) => compare(await bed.client.getCrypto().requestDeviceVerification(user, device), true),
    matches: same => same ? sas.confirm() : sas.mismatch(),
    verified: async () => { await phase(request, Done); },
    // cancelled resolves with the code of whoever cancelled.
    cancelled: () => phase(request, Done).then(() => '', e => e.message),
    knows: async user => (await bed.client.getCrypto().getUserVerificationStatus(user)).isCrossSigningVerified(),
  };
}
