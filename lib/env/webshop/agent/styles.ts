import { AStarPOError } from '../../../errors.ts';
import { checkChoice } from '../../../util/known-options.ts';
import { checkStyleSettings, type StyleSetting, type StyleSettings, styleSettings } from './agent-options.ts';
import type { AgentStyle } from './agent-style.ts';
import { boxedStyle } from './boxed-style.ts';
import { numberedStyle } from './numbered-style.ts';
import { plainStyle } from './plain-style.ts';
import { ragenStyle } from './ragen-style.ts';
import { reactStyle } from './react-style.ts';
import { thinkActStyle } from './think-act-style.ts';
import { toolsStyle } from './tools-style.ts';
import { verlAgentStyle } from './verl-agent-style.ts';

/** Styles by name; what each is like stands in its file and in docs/webshop-agents.md. */
export const agentStyleNames = ['plain', 'numbered', 'think-act', 'ragen', 'verl-agent', 'react', 'boxed', 'tools'] as const;
export type AgentStyleName = (typeof agentStyleNames)[number];

interface StyleEntry {
  /** The settings that mean something to it. */
  readonly takes: readonly StyleSetting[];
  readonly make: (settings: StyleSettings) => AgentStyle;
}

const styles: Readonly<Record<AgentStyleName, StyleEntry>> = {
  plain: { takes: [], make: () => plainStyle },
  numbered: { takes: [], make: () => numberedStyle },
  'think-act': { takes: ['history', 'promptLimit'], make: thinkActStyle },
  ragen: { takes: ['actionsPerTurn'], make: ragenStyle },
  'verl-agent': { takes: ['history', 'promptLimit'], make: verlAgentStyle },
  react: { takes: [], make: () => reactStyle },
  boxed: { takes: [], make: () => boxedStyle },
  tools: { takes: ['callFormat'], make: toolsStyle },
};

/** A style by its name with settings, or one of your own, which has its settings already. Throws ASTARPO_OPTION. */
export function agentStyle(style: AgentStyleName | AgentStyle, settings: StyleSettings = {}): AgentStyle {
  const given = styleSettings.filter((name) => settings[name] !== undefined);
  if (typeof style !== 'string') {
    if (typeof style?.name !== 'string' || typeof style.begin !== 'function' || typeof style.say !== 'function') {
      throw new AStarPOError('ASTARPO_OPTION', `expected style to be a name or an AgentStyle, got ${JSON.stringify(style)}`);
    }
    refuseSetting(given[0], style.name);
    return style;
  }
  checkChoice('style', style, agentStyleNames);
  const { takes, make } = styles[style];
  refuseSetting(
    given.find((name) => !takes.includes(name)),
    style,
  );
  checkStyleSettings(settings);
  const { history, promptLimit } = settings;
  if (style === 'think-act' && promptLimit !== undefined && history === undefined) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected history beside promptLimit in the style think-act, got none', {
      hint: 'without history it keeps one conversation, which maxContext of a rollout limits',
    });
  }
  return make(settings);
}

function refuseSetting(setting: StyleSetting | undefined, style: string): void {
  if (setting === undefined) return;
  const takers = agentStyleNames.filter((name) => styles[name].takes.includes(setting));
  throw new AStarPOError('ASTARPO_OPTION', `expected a style that ${setting} means something to, got ${style}`, {
    hint: `leave ${setting} out, or take one of the styles ${takers.join(', ')}`,
  });
}
