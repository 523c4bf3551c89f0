// The studio's outbox against a server that answers as it is told: {outbox, chunks, answers} in, what became of it out.
const { outbox: path, chunks, answers } = JSON.parse(await new Response(process.stdin).text());
const { Outbox } = await import(path);

const seen = { sent: [], waits: [], troubles: [], receipts: [], left: [] };
globalThis.setTimeout = (work, ms) => { seen.waits.push(ms / 1000); queueMicrotask(work); };
globalThis.fetch = async (address) => {
  seen.sent.push(address);
  const [status, body, headers] = answers.length > 1 ? answers.shift() : answers[0];
  if (!status) throw new TypeError("no line");
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
};
const outbox = new Outbox({
  onReceipt: ({ address, number }, status) => seen.receipts.push([`${address}/${number}`, status]),
  onChange: () => seen.troubles.push(outbox.trouble),
});
for (const [address, number] of chunks) await outbox.keep({ address, number, token: "t", blob: new Blob(["x"]) });
await outbox.send();
seen.left = outbox.memory.map(({ address, number }) => `${address}/${number}`);
console.log(JSON.stringify(seen));
