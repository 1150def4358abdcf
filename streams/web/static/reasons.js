// The columns of reasons for contact, for the board and the wall.

import { format, texts } from "./page.js";

const CHANNELS = ["call", "visit", "email", "form", "mail", "appointment", "feedback"]; // in the order of the columns

function headingOf(channel) {
  if (channel === "feedback") return texts.opinions;
  return channel === "form" ? texts.short_form : texts[`channel_${channel}`];
}

/** Return the columns of reasons, as in details.js: all contacts, then those of each channel with any. */
export function columnsOfReasons(reasons) {
  const channels = CHANNELS.filter((channel) => reasons.some(({ by_channel }) => by_channel[channel]));
  return [
    { figure: "", heading: texts.all_channels, text: ({ contacts }) => format.count(contacts) },
    ...channels.map((channel) => ({
      figure: "reasons_contacts",
      heading: headingOf(channel),
      text: ({ by_channel }) => (by_channel[channel] ? format.count(by_channel[channel]) : ""),
      place: ({ reason }) => ({ queue: `${channel}:${reason}` }),
    })),
  ];
}
