namespace EdgeProxy.AdminCalls;

/// <summary>Paths of calls that are about one of several apps.</summary>
internal static class AppPaths
{
    public const string Root = "/apps";

    /// <summary><c>/apps/NAME/switch</c>.</summary>
    public static string Of(string app, string path) => $"{Root}/{app}{path}";
}
