import type { AgentStyle } from './agent-style.ts';
import { numberedStyle } from './numbered-style.ts';
import { plainStyle } from './plain-style.ts';

/** Styles by name; what each is like stands in its file. */
export const agentStyleNames = ['plain', 'numbered'] as const;
export type AgentStyleName = (typeof agentStyleNames)[number];

const styles: Readonly<Record<AgentStyleName, AgentStyle>> = { plain: plainStyle, numbered: numberedStyle };

/** A style by its name, or one of your own. */
export function agentStyle(style: AgentStyleName | AgentStyle): AgentStyle {
  return typeof style === 'string' ? styles[style] : style;
}
