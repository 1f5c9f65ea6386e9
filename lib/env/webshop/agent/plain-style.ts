import type { AgentStyle } from './agent-style.ts';

/** Stands for a search of any words in the valid actions of an observation. */
export const searchMarker = 'search[<query>]';

/** The original's own interface: the page is the message, the model's whole text the action. */
export const plainStyle: AgentStyle = {
  name: 'plain',
  begin: () => ({
    observe: ({ text, searchBar, clickables }) => ({
      text,
      validActions: searchBar ? [searchMarker] : clickables.map((target) => `click[${target}]`),
    }),
    read: (said) => ({ actions: [said], formatted: true }),
  }),
};
