using System.Reflection;

namespace EdgeProxy.Diagnostics;

/// <summary>Which EdgeProxy this is.</summary>
internal static class ProductVersion
{
    /// <summary>E.g. <c>0.1.0</c>, without the commit that builds may append.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";
}
