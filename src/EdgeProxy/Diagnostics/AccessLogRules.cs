using EdgeProxy.Configuration;

namespace EdgeProxy.Diagnostics;

/// <summary><c>AccessLog</c>.</summary>
internal static class AccessLogRules
{
    public static void Check(SettingsScope at, AccessLogOptions log)
    {
        if (log.Path is "")
        {
            at.Error(nameof(log.Path), "must be a file, or null for standard output");
        }

        at.Each(nameof(log.QueryValues), log.QueryValues, (scope, key, name) => scope.Required(key, name, "the name of a query parameter, such as page"));
    }
}
