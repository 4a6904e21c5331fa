using EdgeProxy.Configuration;
using EdgeProxy.Processes;

namespace EdgeProxy.Switching.Hooks;

/// <summary><c>Switch:Hooks</c>.</summary>
internal static class HookRules
{
    /// <summary>They run one after the other, and the switch waits.</summary>
    private const int MostHooks = 10;

    public static void Check(SettingsScope at, HooksOptions hooks)
    {
        CheckList(at, nameof(hooks.BeforeFlip), hooks.BeforeFlip);
        CheckList(at, nameof(hooks.AfterEnd), hooks.AfterEnd);
    }

    private static void CheckList(SettingsScope at, string list, HookOptions[]? hooks)
    {
        if (hooks?.Length > MostHooks)
        {
            at.Error(list, $"has {hooks.Length} commands; at most {MostHooks} are allowed");
        }

        for (var i = 0; i < (hooks?.Length ?? 0); i++)
        {
            var hook = hooks![i];
            CommandRules.Check(at.In(list, i), nameof(hook.Command), hook.Command, nameof(hook.User), hook.User);
            at.In(list, i).Range(nameof(hook.Timeout), hook.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        }
    }
}
