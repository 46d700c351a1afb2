// The page for people: a dial pad and whatever rings, on top of window.bed.
const $ = id => document.getElementById(id);
const bed = window.bed;
// The SDK's states in plain words; steps of the same name are told once.
const words = { fledgling: 'calling', wait_local_media: 'asking for the microphone', create_offer: 'calling', invite_sent: 'calling', ringing: 'is calling you', create_answer: 'answering', connecting: 'connecting', connected: 'in a call', ended: 'ended' };
// Reasons that Roomline's notice in the room puts better.
const told = ['user_hangup', 'user_busy', 'invite_timeout', 'unknown_error'];
const book = [[600, 'echo'], [601, 'a voice'], [606, 'a tone'], [608, 'rings, then a tone'], [609, 'rings for ever'], [610, 'is busy'], [404, 'does not exist'], [614, 'sends keys'], [615, 'hangs up on you']];

function say(text) {
  const item = document.createElement('li'), time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString([], { hour12: false });
  item.append(time, text);
  $('log').prepend(item);
  $('happened').hidden = false;
}
const attempt = what => Promise.resolve().then(what).catch(e => say(`Sorry: ${e.message ?? e}`));

$('login').onsubmit = e => {
  e.preventDefault();
  const { hs, user, password } = Object.fromEntries(new FormData(e.target));
  e.submitter.disabled = true;
  attempt(async () => {
    const { userId } = await bed.start({ hs, user, password });
    $('login').hidden = true; $('phone').hidden = false; $('who').textContent = `You are ${userId}.`;
    say('Logged in. Dial, or wait to be rung.');
  }).finally(() => { e.submitter.disabled = false; });
};
$('dial').onsubmit = e => {
  e.preventDefault();
  const number = new FormData(e.target).get('number').trim();
  if (number) { say(`Dialling ${number}`); attempt(() => bed.dial({ number })); }
};
for (const [number, does] of book) {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: `${number} ${does}` });
  button.onclick = () => { $('dial').number.value = `030 23125-${number}`; $('dial').requestSubmit(); };
  $('book').append(button);
}

for (const key of '123456789*0#') {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: key });
  button.onclick = () => {
    const call = live().find(c => c.state === 'connected');
    if (call) { attempt(() => bed.dtmf({ id: call.id, digits: key })); say(`Key ${key}`); } else $('dial').number.value += key;
  };
  $('pad').append(button);
}

// ---- calls ----

const live = () => bed.list().filter(c => c.state !== 'ended');
const name = call => bed.client.getRoom(call.room)?.getMember(call.from || other(call))?.name ?? call.from ?? 'somebody';
const other = call => bed.client.getRoom(call.room)?.getJoinedMembers().find(m => m.userId !== bed.me)?.userId;
function button(text, kind, act) {
  const b = Object.assign(document.createElement('button'), { textContent: text, className: kind });
  b.onclick = () => { b.disabled = true; attempt(act).finally(draw); };
  return b;
}
const cards = new Map(); // by call, so that what is pressed or read stays where it is
function draw() {
  const now = live();
  for (const id of cards.keys()) if (!now.some(c => c.id === id)) cards.delete(id);
  for (const call of now) {
    const old = cards.get(call.id);
    if (old?.state !== call.state) cards.set(call.id, { state: call.state, node: card(call) });
  }
  $('calls').replaceChildren(...now.map(c => cards.get(c.id).node));
}
function card(call) {
  const node = Object.assign(document.createElement('div'), { className: `call ${call.state}` });
  const text = document.createElement('p'), who = document.createElement('span'), small = document.createElement('small');
  who.textContent = name(call); small.textContent = words[call.state] ?? call.state;
  text.append(who, small);
  node.append(text, ...(call.state === 'ringing'
    ? [button('Answer', 'go', () => bed.answer({ id: call.id })), button('Reject', 'stop', () => bed.reject(call.id))]
    : [button('Hang up', 'stop', () => bed.hangup(call.id))]));
  return node;
}
// What a call is like, once a second; also who it is, for a caller's name may come late.
setInterval(async () => {
  for (const call of live()) {
    const text = cards.get(call.id)?.node.querySelector('p');
    if (text) text.firstChild.textContent = name(call);
    if (!text || call.state !== 'connected') continue;
    const s = await bed.stats(call.id).catch(() => ({})), talk = Math.round((Date.now() - call.states.at(-1).at) / 1000);
    if (s.codec) text.lastChild.textContent = `${Math.floor(talk / 60)}:${String(talk % 60).padStart(2, '0')} · ${s.codec} · ${s.lost} of ${s.lost + s.received} packets lost`;
  }
}, 1000);

const joined = new Set(), last = new Map(); // rooms; by call, the words last said
bed.onevent = e => {
  if (e.what === 'state') {
    const call = bed.info(e.call), step = words[e.state] ?? e.state;
    const why = e.reason && !told.includes(e.reason) ? ` (${e.reason})` : '';
    if (e.state === 'wait_local_media') return draw(); // the browser itself asks, if it has to
    if (last.get(e.call) !== step) say(`${name(call)}: ${step}${why}`);
    last.set(e.call, step);
  } else if (e.what === 'joined' && !joined.has(e.room)) joined.add(e.room) && say('You are in a room with a telephone line now.');
  else if (e.what === 'error') say(e.error);
  draw();
};
bed.onnotice = text => say(text);
