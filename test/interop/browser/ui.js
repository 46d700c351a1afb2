// The page for people: a dial pad and whatever rings, on top of window.bed.
const $ = id => document.getElementById(id);
const bed = window.bed;
const words = { invite_sent: 'ringing there', ringing: 'is calling you', connecting: 'connecting', connected: 'in a call', ended: 'ended', wait_local_media: 'asking for the microphone', create_offer: 'calling', create_answer: 'answering', fledgling: 'calling' };

function say(text) {
  const item = document.createElement('li'), time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString();
  item.append(time, text);
  $('log').prepend(item);
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
function draw() {
  $('calls').replaceChildren(...live().map(call => {
    const card = Object.assign(document.createElement('div'), { className: `call ${call.state}` }), text = document.createElement('p');
    text.textContent = `${name(call)}: ${words[call.state] ?? call.state}`;
    card.append(text, ...(call.state === 'ringing'
      ? [button('Answer', 'go', () => bed.answer({ id: call.id })), button('Reject', 'stop', () => bed.reject(call.id))]
      : [button('Hang up', 'stop', () => bed.hangup(call.id))]));
    return card;
  }));
}
bed.onevent = e => {
  if (e.what === 'state') {
    const call = bed.info(e.call);
    say(`${name(call)}: ${words[e.state] ?? e.state}${e.reason ? ` (${e.reason})` : ''}`);
  } else if (e.what === 'joined') say('A telephone line has joined you in a room.');
  else if (e.what === 'error') say(e.error);
  draw();
};
bed.onnotice = text => say(text);
