// What another calendar program makes of calendar files: reads [{method, text}, …] on standard input, in the order in
// which they arrive, and prints the events that its calendar holds in the end. A message that is older than what is
// there is left alone (RFC 5546, 2.1.5).
import { argv, stdin } from "node:process";
import { pathToFileURL } from "node:url";

const { default: ICAL } = await import(pathToFileURL(argv[2]));
const calendar = new Map();
let sent = "";
for await (const part of stdin.setEncoding("utf8")) sent += part;

function isNewer(event, known) {
  const [sequence, before] = [event.sequence ?? 0, known.sequence];
  return sequence !== before ? sequence > before : event.stamp >= known.stamp;
}

for (const { method, text } of JSON.parse(sent)) {
  const root = new ICAL.Component(ICAL.parse(text));
  if (root.getFirstPropertyValue("method") !== method) throw new Error(`METHOD is not ${method}`);
  const zones = new Map(
    root.getAllSubcomponents("vtimezone").map((one) => [one.getFirstPropertyValue("tzid"), new ICAL.Timezone(one)]),
  );
  for (const component of root.getAllSubcomponents("vevent")) {
    const value = (name) => component.getFirstPropertyValue(name);
    const instant = (name) => {
      const property = component.getFirstProperty(name);
      if (property === null) return null;
      const time = property.getFirstValue();
      const tzid = property.getParameter("tzid");
      if (tzid !== undefined) time.zone = zones.get(tzid);
      if (time.zone === undefined || (tzid === undefined && time.zone !== ICAL.Timezone.utcTimezone)) {
        throw new Error(`${name} has no time zone`);
      }
      return time.toUnixTime();
    };
    const event = {
      uid: value("uid"),
      sequence: value("sequence"),
      stamp: instant("dtstamp"),
      start: instant("dtstart"),
      end: instant("dtend"),
      status: value("status"),
      summary: value("summary"),
      organizer: value("organizer"),
      attendees: component.getAllProperties("attendee").map((one) => [one.getFirstValue(), one.getParameter("partstat"), one.getParameter("rsvp")]),
      conference: value("conference"),
    };
    const known = calendar.get(event.uid);
    if (known !== undefined && !isNewer(event, known)) continue;
    calendar.set(event.uid, { ...event, isShown: method !== "CANCEL" && event.status !== "CANCELLED" });
  }
}
console.log(JSON.stringify([...calendar.values()]));
