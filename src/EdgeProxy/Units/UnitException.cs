namespace EdgeProxy.Units;

/// <summary>A unit could not be asked or told. The message says what to do.</summary>
internal class UnitException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>There is no such unit, or it is masked.</summary>
internal sealed class UnitNotFoundException(string message, Exception? inner = null) : UnitException(message, inner);

/// <summary>The proxy's user may not do this (the polkit rule is missing or does not name the unit).</summary>
internal sealed class UnitAccessDeniedException(string message, Exception? inner = null) : UnitException(message, inner);

/// <summary>The manager itself cannot be reached (no bus), or went away while a job ran: its end is not known.</summary>
internal sealed class UnitManagerUnavailableException(string message, Exception? inner = null) : UnitException(message, inner);
