import { plainActions } from './action-list.ts';
import type { AgentStyle } from './agent-style.ts';

/** The original's own interface: the page is the message, the model's whole text the action. */
export const plainStyle: AgentStyle = {
  name: 'plain',
  begin: () => ({
    observe: (view) => ({ text: view.text, validActions: plainActions(view) }),
    read: (said) => ({ actions: [said], formatted: true }),
  }),
  say: (action) => action,
};
