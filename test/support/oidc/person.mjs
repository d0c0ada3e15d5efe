// usage: node person.mjs URL NAME [deny]
// Does with a browser's means what somebody does who was told to open URL: fills in and sends every
// form until there is none. With "deny": does not agree.
const [, , start, name, deny] = process.argv;
const cookies = new Map();

async function open(url, form) {
  const response = await fetch(url, {
    method: form ? 'POST' : 'GET',
    body: form,
    redirect: 'manual',
    headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join('; ') },
  });
  for (const line of response.headers.getSetCookie()) {
    const [, key, value] = /^([^=]+)=([^;]*)/.exec(line);
    if (value) cookies.set(key, value); else cookies.delete(key);
  }
  const next = response.headers.get('location');
  if (next) return open(new URL(next, url).href);
  return { url, status: response.status, text: await response.text() };
}

function fill(page) {
  const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(page.text);
  if (!form) return null;
  const fields = new URLSearchParams();
  for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
    const key = /name="([^"]*)"/.exec(input)?.[1];
    if (key) fields.set(key, /value="([^"]*)"/.exec(input)?.[1] ?? '');
  }
  if (fields.has('login')) fields.set('login', name);
  if (fields.has('password')) fields.set('password', 'anything');
  if (page.text.includes('name="confirm"')) fields.set('confirm', 'yes');
  if (deny && page.text.includes('name="abort"')) {
    fields.delete('confirm');
    fields.set('abort', 'yes');
  }
  return { target: new URL(form[1].replaceAll('&amp;', '&'), page.url).href, fields };
}

let page = await open(start);
for (let i = 0; i < 10; i += 1) {
  const answer = fill(page);
  if (!answer) break;
  page = await open(answer.target, answer.fields);
}
const said = page.text.replace(/<style[\s\S]*?<\/style>/g, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
console.log(page.status, said.trim());
process.exit(page.status === 200 ? 0 : 1);
