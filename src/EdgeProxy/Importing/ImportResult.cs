using System.Text.Json.Nodes;

namespace EdgeProxy.Importing;

/// <summary>What came of a Caddyfile.</summary>
/// <param name="Settings">A whole settings file that <c>check</c> accepts; null when there is any problem.</param>
/// <param name="Problems">Lines that cannot be translated.</param>
/// <param name="Notes">What is translated, but not to the letter, or deserves a look.</param>
internal sealed record ImportResult(JsonObject? Settings, IReadOnlyList<ImportRemark> Problems, IReadOnlyList<ImportRemark> Notes);
