using EdgeProxy.Configuration;

namespace EdgeProxy.Processes;

/// <summary>A command in the settings, and whose rights it gets.</summary>
internal static class CommandRules
{
    private const string Example = "the program by its whole path, and its arguments, [\"/srv/app/hooks/smoke-test\", \"--quick\"]";

    public static void Check(SettingsScope at, string commandKey, IReadOnlyList<string>? command, string userKey, string? user)
    {
        if (command is not { Count: > 0 })
        {
            at.Error(commandKey, $"is missing: {Example}");
        }
        else if (!command[0].StartsWith('/'))
        {
            at.Error(commandKey, $"must be {Example}; for a line of shell write [\"/bin/sh\", \"-c\", ...]");
        }
        else if (command.Any(word => word.Contains('\0', StringComparison.Ordinal)))
        {
            at.Error(commandKey, "has a NUL character, which no argument may have");
        }

        if (user is not null && UserAccount.WhyNot(user) is { } why)
        {
            at.Error(userKey, why);
        }
    }
}
