using EdgeProxy.Configuration;

namespace EdgeProxy.State;

/// <summary><c>State</c>.</summary>
internal static class StateRules
{
    public static void Check(SettingsScope at, StateOptions state) =>
        at.Required(nameof(state.Directory), state.Directory, "the directory that remembers the active slot");
}
